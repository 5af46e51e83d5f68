import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Lints and checks the format of the staged files. It does not change them, because only a part of a file may be staged. */
const staged = execFileSync('git', ['diff', '--cached', '--name-only', '--diff-filter=ACMR', '-z'], {
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '')
const sources = staged.filter((path) => /\.[cm]?[jt]sx?$/.test(path))

// The linter reads types, and a fresh clone has not generated them yet.
if (sources.length > 0 && !existsSync('worker-configuration.d.ts')) run('wrangler', 'types')
if (sources.length > 0) run('oxlint', '--deny-warnings', ...sources)
if (staged.length > 0) run('oxfmt', '--check', '--no-error-on-unmatched-pattern', ...staged)

function run(command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) {
    console.error(
      `${command} failed on what is staged. Run npm run fix, which fixes what it can, and stage again.`,
    )
    process.exit(1)
  }
}
