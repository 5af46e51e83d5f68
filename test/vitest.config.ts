import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { ONLY_IN_FULL } from './kit/only-in-full.ts'
import { keepTemporaryFilesInMemory } from './kit/worker/temporary-files.ts'

keepTemporaryFilesInMemory()

const root = new URL('..', import.meta.url).pathname

/** With a server that publishes keys. */
const ACCESS_OVER_SOCKETS = 'test/access/cloudflare-access.test.ts'

/** `worker` runs inside workerd, beside an S3 server that checks signatures; `node` uses real servers over sockets. */
export default defineConfig(({ mode }) => {
  /** Tables and properties at their full size; `npm test` takes a sample. See test/kit/sample.ts. */
  const full = mode === 'full'
  const provide = { full }
  /** Vitest's own second is too little for a busy machine. */
  const polled = { poll: { timeout: 20_000 } }
  return {
    test: {
      root,
      // On two cores: one more uses them while tests wait. Full runs measure times and memory.
      maxWorkers: full ? 2 : 3,
      // A runtime per file would cost more than all tests together. Files leave nothing behind, see setupFiles.
      isolate: false,
      // The Worker's log is shown for failed tests.
      silent: 'passed-only',
      projects: [
        {
          plugins: [cloudflareTest({ wrangler: { configPath: `${root}wrangler.toml` } })],
          test: {
            name: 'worker',
            root,
            provide,
            expect: polled,
            setupFiles: ['test/kit/empty-storage.ts'],
            globalSetup: ['test/kit/servers/s3-server.ts'],
            // Vitest awaits every line of the log, but the plugin sends those of Durable Objects, queue consumers and waitUntil
            // only with its next message: after the last one of a file, the run would never end.
            // https://github.com/cloudflare/workers-sdk/issues/15498
            disableConsoleIntercept: true,
            include: [
              'test/{storage,bodies,http,access,observe,backends,wrappers,chain,methods,migration,mirrors,sources,jobs,races,routes,edge-cache,prior-versions,s3-api,scale}/**/*.test.ts',
              'test/s3/{,local/}*.test.ts',
              'test/*.test.ts',
            ],
            exclude: [ACCESS_OVER_SOCKETS],
            testTimeout: 60_000,
            hookTimeout: 60_000,
          },
        },
        {
          // The dashboard's TSX is Preact.
          oxc: { jsx: { importSource: 'preact' } },
          test: {
            name: 'node',
            root,
            provide,
            expect: polled,
            include: [
              'test/{e2e,faults,cli,config,docs,security,dashboard}/**/*.test.ts',
              ACCESS_OVER_SOCKETS,
            ],
            exclude: full ? [] : ONLY_IN_FULL,
            testTimeout: 60_000,
            hookTimeout: 60_000,
          },
        },
      ],
    },
  }
})
