import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

const root = new URL('..', import.meta.url).pathname

/** Two projects: `worker` runs inside workerd, `node` talks to real servers over sockets. */
export default defineConfig({
  test: {
    root,
    projects: [
      {
        plugins: [cloudflareTest({ wrangler: { configPath: `${root}wrangler.toml` } })],
        test: {
          name: 'worker',
          root,
          include: ['test/{storage,http,backends,migration,routes}/**/*.test.ts', 'test/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'node',
          root,
          include: ['test/{e2e,faults,cli,config}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
