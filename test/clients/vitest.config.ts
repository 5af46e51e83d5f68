import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

const root = new URL('../..', import.meta.url).pathname

/** Real clients and servers over sockets; they need system packages, so they are not part of `npm test`. */
export default defineConfig({
  test: {
    root,
    // The clients' tests wait for processes more than they compute.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'clients',
          root,
          include: ['test/clients/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: `${root}wrangler.toml` } })],
        test: {
          name: 'radosgw',
          root,
          provide: { full: true },
          include: ['test/s3/*.test.ts', 'test/s3/radosgw/*.test.ts'],
          globalSetup: ['test/kit/servers/radosgw-server.ts'],
          // Otherwise the run may not end: see test/vitest.config.ts.
          disableConsoleIntercept: true,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
