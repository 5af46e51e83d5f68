import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { ONLY_IN_FULL } from './kit/only-in-full.ts'

const root = new URL('..', import.meta.url).pathname
/** Tables and properties at their full size; `npm test` takes a sample. See test/kit/sample.ts. */
const full = process.env['FULL'] === '1'
const provide = { full }
const workerd = [cloudflareTest({ wrangler: { configPath: `${root}wrangler.toml` } })]

/** `worker` runs inside workerd, `s3` too, beside a server that checks signatures; `node` talks to real servers over sockets. */
export default defineConfig({
  test: {
    root,
    // Most files wait for servers more than they compute.
    maxWorkers: 2,
    // A runtime for each file would cost more than all tests together. Files leave nothing behind, see setupFiles.
    isolate: false,
    // What the Worker logs is shown for tests that fail.
    silent: 'passed-only',
    projects: [
      {
        plugins: workerd,
        test: {
          name: 'worker',
          root,
          provide,
          setupFiles: ['test/kit/empty-storage.ts'],
          include: [
            'test/{storage,bodies,http,access,observe,backends,wrappers,chain,methods,migration,jobs,races,routes,edge-cache}/**/*.test.ts',
            'test/*.test.ts',
          ],
          testTimeout: 20_000,
        },
      },
      {
        plugins: workerd,
        test: {
          name: 's3',
          root,
          provide,
          setupFiles: ['test/kit/empty-storage.ts'],
          include: ['test/s3/*.test.ts', 'test/s3/local/*.test.ts'],
          globalSetup: ['test/kit/servers/s3-server.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'node',
          root,
          provide,
          include: ['test/{e2e,faults,cli,config}/**/*.test.ts'],
          exclude: full ? [] : ONLY_IN_FULL,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
