import { defineConfig } from 'oxlint'

/** Which folders of `src/` each folder may import, besides itself. `docs/architecture.md` says why. */
const LAYERS: Record<string, string[]> = {
  storage: [],
  schemas: ['storage'],
  http: ['storage'],
  bodies: ['storage'],
  access: ['storage', 'schemas', 'http'],
  observe: ['storage', 'schemas'],
  s3: ['storage', 'http', 'bodies'],
  backends: ['storage', 'http', 'bodies', 's3'],
  wrappers: ['storage', 'bodies'],
  chain: ['storage', 'bodies'],
  methods: ['storage', 'bodies', 'chain'],
  migration: ['storage', 'bodies', 'chain', 'methods', 'observe'],
  sources: ['storage', 'schemas', 'bodies', 'chain', 'methods', 'observe', 'migration'],
  mirrors: ['storage', 'bodies', 'wrappers', 'chain', 'observe', 'migration'],
  'prior-versions': ['storage', 'bodies', 'wrappers', 'chain', 'methods', 'migration', 'observe'],
  jobs: [
    'storage',
    'schemas',
    'bodies',
    'chain',
    'methods',
    'observe',
    'migration',
    'mirrors',
    'prior-versions',
    'sources',
  ],
  'edge-cache': ['storage', 'bodies', 'wrappers', 'chain', 'observe', 'migration'],
  config: ['storage', 'schemas', 'bodies', 'backends', 'access', 's3'],
  routes: [
    'storage',
    'schemas',
    'http',
    'bodies',
    'chain',
    'methods',
    'access',
    'observe',
    'migration',
    'mirrors',
    'jobs',
    'sources',
    'prior-versions',
    'edge-cache',
    'config',
    's3',
  ],
  client: ['schemas'],
  // `doctor --config` reads a configuration as the Worker does.
  cli: ['client', 'config'],
  dashboard: ['client', 'schemas'],
}

/** What knows nothing of Cloudflare and Hono, so that it can be read and tested without them. */
const PURE = ['storage', 'schemas', 'http', 'bodies', 's3', 'chain', 'methods', 'client', 'cli', 'dashboard']
const WITHOUT_FRAMEWORK = Object.keys(LAYERS).filter((folder) => folder !== 'routes')

function layer(folder: string): { files: string[]; rules: Record<string, unknown> } {
  const forbidden = Object.keys(LAYERS).filter(
    (other) => other !== folder && !LAYERS[folder]?.includes(other),
  )
  const patterns: object[] = [
    {
      regex: `^(\\.\\./)+(${forbidden.join('|')})/`,
      message: `src/${folder} may import ${LAYERS[folder]?.map((other) => `src/${other}`).join(', ') || 'nothing else'}: see LAYERS in oxlint.config.ts.`,
    },
    {
      regex: '^(\\.\\./)+(app|deploy|deployment|index)\\.ts$',
      message: 'app.ts, deploy.ts and index.ts put the parts together; import their types only.',
      allowTypeImports: true,
    },
  ]
  if (folder === 'client')
    patterns.push({
      regex: '^(\\.\\./)+schemas/',
      message: 'The client takes types only from the schemas, so that it needs no valibot.',
      allowTypeImports: true,
    })
  if (folder === 'dashboard')
    patterns.push({
      regex: '^(\\.\\./)+schemas/(answers|job-answers|requests|routes)',
      message: 'The dashboard takes these from src/client, so that it needs no valibot.',
    })
  if (PURE.includes(folder))
    patterns.push({ group: ['cloudflare:*'], message: `src/${folder} uses no Cloudflare API.` })
  if (WITHOUT_FRAMEWORK.includes(folder))
    patterns.push({ group: ['hono', 'hono/*'], message: 'Only routes use Hono.' })
  return { files: [`src/${folder}/**`], rules: { 'no-restricted-imports': ['error', { patterns }] } }
}

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'import', 'oxc', 'vitest'],
  categories: { correctness: 'error' },
  options: { typeAware: true },
  ignorePatterns: ['worker-configuration.d.ts', 'demo/media'],
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': ['error', { checksConditionals: false }],
    'typescript/no-explicit-any': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/unbound-method': 'off',
    'import/no-cycle': 'error',
    'no-console': 'error',
    'vitest/no-conditional-expect': 'off',
    'vitest/valid-expect': ['error', { maxArgs: 2 }],
  },
  overrides: [
    { files: ['src/cli/**', 'demo/**', 'scripts/**', 'bench/**'], rules: { 'no-console': 'off' } },
    ...Object.keys(LAYERS).map(layer),
    {
      files: ['src/dashboard/**'],
      plugins: ['typescript', 'unicorn', 'import', 'oxc', 'react', 'jsx-a11y'],
      rules: {
        // Names and stored text are shown as text only; the page's policy allows no Trusted Types either.
        'no-restricted-properties': [
          'error',
          ...['innerHTML', 'outerHTML', 'insertAdjacentHTML'].map((property) => ({ property })),
        ],
        'react/no-danger': 'error',
        // Preact knows the attributes of HTML (`class`), signals are changed by assignment, and effects depend on keys.
        'react/no-unknown-property': 'off',
        'react/immutability': 'off',
        'react-hooks/exhaustive-deps': 'off',
        'jsx-a11y/prefer-tag-over-role': 'off',
      },
    },
    {
      files: ['src/*.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                regex: '^\\./(cli|client|dashboard)/',
                message: 'The CLI, the client and the dashboard are not part of the Worker.',
              },
            ],
          },
        ],
      },
    },
  ],
})
