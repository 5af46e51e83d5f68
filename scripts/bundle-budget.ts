import { spawnSync } from 'node:child_process'

/** The whole Worker, gzipped; docs/performance.md describes its parts. Cloudflare allows 3 MiB, small ones start sooner. */
const BUDGET_KIB = 119.4

const { stdout, stderr, status, error } = spawnSync('wrangler', ['deploy', '--dry-run'], {
  encoding: 'utf8',
  env: { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
})
if (error) throw error
const size = /gzip: ([\d.]+) KiB/.exec(stdout)?.[1]
if (status !== 0 || size === undefined) {
  console.error(`wrangler deploy --dry-run failed:\n${stdout}${stderr}`)
  process.exit(1)
}
console.log(`bundle: ${size} KiB gzipped of ${BUDGET_KIB} KiB`)
if (Number(size) > BUDGET_KIB) {
  console.error('The bundle is over its budget: see what grew, or raise the budget with a reason.')
  process.exit(1)
}
