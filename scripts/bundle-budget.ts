import { spawnSync } from 'node:child_process'
import { dashboardSizes } from './dashboard-size.ts'

/** The whole Worker, gzipped; docs/performance.md describes its parts. Cloudflare allows 3 MiB, small ones start sooner. */
const BUDGET_KIB = 167

/** Script and style of the dashboard: what the page needs at first, and what each view loads besides. */
const DASHBOARD_KIB: Record<string, number> = {
  'first view': 40,
  // Of these, uPlot is 23 KiB.
  migration: 45,
  health: 32,
}
const OTHER_VIEW_KIB = 10

// It builds the dashboard, too.
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
const sizes = [
  { name: 'bundle', kib: Number(size), budget: BUDGET_KIB },
  ...(await dashboardSizes()).map(({ name, kib }) => ({
    name: `dashboard: ${name}`,
    kib,
    budget: DASHBOARD_KIB[name] ?? OTHER_VIEW_KIB,
  })),
]
for (const { name, kib, budget } of sizes)
  console.log(`${name}: ${kib.toFixed(1)} KiB gzipped of ${budget} KiB`)
if (sizes.some(({ kib, budget }) => kib > budget)) {
  console.error('That is over a budget: see what grew, or raise the budget with a reason.')
  process.exit(1)
}
