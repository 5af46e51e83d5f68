import { beforeEach } from 'vitest'

const METHODS = ['debug', 'error', 'info', 'log', 'warn'] as const
/** Of one test. */
const LINES_KEPT = 200

const print = { ...console }
const lines: [method: (typeof METHODS)[number], given: unknown[]][] = []

for (const method of METHODS)
  console[method] = (...given: unknown[]) => {
    lines.push([method, given])
    if (lines.length > LINES_KEPT) lines.shift()
  }

/** Shows what is logged during a test if the test fails. */
export function showLogOfFailedTests(): void {
  beforeEach(({ onTestFailed }) => {
    lines.length = 0
    onTestFailed(() => {
      for (const [method, given] of lines.splice(0)) print[method](...given)
    })
  })
}
