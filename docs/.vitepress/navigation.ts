/** Pages as `[title, file without .md]`, in the order in which they are read. Every page in docs/ is in exactly one group. */
export interface Section {
  title: string
  groups: Record<string, readonly (readonly [title: string, page: string])[]>
}

export const NAVIGATION: readonly Section[] = [
  {
    title: 'Start here',
    groups: {
      'Start here': [
        ['What it is', 'index'],
        ['Get started in 10 minutes', 'getting-started'],
        ['A whole move, start to finish', 'walkthrough'],
        ['Compared with other tools', 'comparison'],
        ['Questions', 'faq'],
      ],
    },
  },
  {
    title: 'How to',
    groups: {
      Develop: [
        ['Production’s media in development', 'development'],
        ['WordPress', 'wordpress'],
        ['Django', 'django'],
        ['Rails', 'rails'],
        ['Laravel', 'laravel'],
        ['Use it as a library', 'library'],
      ],
      Move: [
        ['Copy everything and verify', 'operations'],
        ['Follow a source that changes', 'source-changes'],
        ['Is the old storage still needed?', 'dependence'],
        ['Verify copies and certificates', 'verification'],
        ['Roll back', 'rollback'],
      ],
      Run: [
        ['Deploy', 'deployment'],
        ['Private media', 'access'],
        ['Caching', 'caching'],
        ['Deletes', 'deletes'],
        ['Prior versions', 'prior-versions'],
        ['S3 clients', 's3'],
        ['Monitoring', 'observing'],
        ['The dashboard', 'dashboard'],
      ],
    },
  },
  {
    title: 'Reference',
    groups: {
      'Settings, API and CLI': [
        ['Configuration', 'configuration'],
        ['All settings', 'settings'],
        ['JSON API', 'api'],
        ['The CLI and the client', 'cli'],
        ['CLI commands', 'cli-commands'],
        ['Errors', 'errors'],
        ['When a backend fails', 'faults'],
        ['S3 servers', 's3-servers'],
      ],
      Inside: [
        ['Architecture', 'architecture'],
        ['Performance', 'performance'],
        ['Scale', 'scale'],
        ['Security', 'project/security'],
        ['Contributing', 'project/contributing'],
        ['Changelog', 'project/changelog'],
      ],
    },
  },
]
