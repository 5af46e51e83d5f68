import { type Lines, type Output, styled } from './output.ts'

/** The result of one check. */
export interface Check {
  name: string
  status: 'ok' | 'warning' | 'failed' | 'not_checked'
  detail: string
  /** How to fix it. */
  fix?: string
}

const SIGNS = {
  ok: styled('green', '✓'),
  warning: styled('yellow', '!'),
  failed: styled('red', '✗'),
  not_checked: styled('yellow', '?'),
}

const INDENT = ' '.repeat(17)

/** A check for people. */
export function linesOf({ name, status, detail, fix }: Check): Lines {
  const [first = '', ...more] = detail.trim().split('\n')
  return [
    [SIGNS[status], ` ${name.padEnd(14)} ${first}`],
    ...more.map((line) => INDENT + line),
    fix !== undefined && `${INDENT}→ ${fix}`,
  ]
}

/** Prints each check as soon as it is done, or with --json all at once. Whether none failed. */
export async function showChecks(results: AsyncIterable<Check>, output: Output): Promise<boolean> {
  const checks: Check[] = []
  for await (const check of results) {
    checks.push(check)
    if (!output.json) output.print(...linesOf(check))
  }
  const ok = checks.every(({ status }) => status !== 'failed')
  if (output.json) output.record({ ok, checks })
  return ok
}
