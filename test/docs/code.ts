import { type Fence, fences, markdownFiles, readMarkdown } from '../../scripts/docs/markdown.ts'

/** A block of code of the docs. */
export interface Block extends Fence {
  path: string
  /** e.g. `docs/s3.md:38`. */
  place: string
}

/** Blocks with these commands are not run. Others need `<!-- not run: why -->` on the line before the fence. */
const NOT_RUN: readonly [command: RegExp, reason: string][] = [
  [/\bwrangler (?!dev\b|types\b)/, 'needs an account at Cloudflare'],
  [/\b(npm|npx wrangler dev)\b/, 'is how everything else is started, or runs until it is stopped'],
  [/\bfallback-storage (init|dev|deploy)\b/, 'needs a project of its own; test/package/npx.test.ts runs it'],
  [/\bfallback-storage (profile|completion)\b/, 'is for a user’s own shell; test/cli runs it'],
  [/\baws (--endpoint-url https:\/\/ceph\S+ )?(s3api|sns|events)\b/, 'needs an account at AWS, or Ceph'],
  [/\b(pip3?|pipx|manage\.py|python3?)\b/, 'needs Django; `npm run test:clients` runs the example'],
  [/\bpg_dump\b/, 'needs a database'],
  [/\bcache purge\b/, 'needs an edge cache, which is off by default; test/cli/cache.test.ts runs it'],
  [/\bmc (admin|event|ls)\b/, 'needs a MinIO server'],
  [/\b(aws|restic|s3fs|s3cmd|rclone)\b/, 'test/clients/s3 runs these clients'],
]

/** Every block of code in the pages that readers see. What decisions and the changelog show is history. */
export function blocks(): Block[] {
  return markdownFiles()
    .filter((path) => !path.startsWith('docs/decisions/') && path !== 'CHANGELOG.md')
    .flatMap((path) =>
      fences(readMarkdown(path)).map((fence) => ({ ...fence, path, place: `${path}:${fence.line}` })),
    )
}

/** Why a block is not run; `undefined` if it is. */
export function reasonNotRun({ path, code, before }: Block): string | undefined {
  if (path === 'docs/cli-commands.md') return 'test/docs/code.test.ts parses the examples of the CLI'
  const [, marked] = /^<!-- not run: (.+) -->$/.exec(before) ?? []
  return marked ?? NOT_RUN.find(([command]) => command.test(code))?.[1]
}

/** Declarations that a block needs and does not show: `<!-- declare: const bytes: Uint8Array -->`. */
export function declarations({ before }: Block): string {
  const [, declared] = /^<!-- declare: (.+) -->$/.exec(before) ?? []
  return declared === undefined ? '' : `declare ${declared}\n`
}
