import { beforeAll, describe, expect, it } from 'vitest'
import { sampled, sized } from '../kit/sample.ts'
import { expected } from './expected.ts'
import type { FaultCase } from '../kit/origin/fault-case.ts'
import { faults, type FaultName } from '../kit/origin/faults.ts'
import { keyOf, runTable, type Seen } from './run-table.ts'
import { OPERATIONS, variants, type Position } from './situations.ts'

const cases = sampled(Object.entries(faults) as [FaultName, FaultCase][], 2)
type Chain = [Position, string, boolean]
const chains = sized<Chain[]>(
  (['first', 'middle', 'last'] as const).flatMap((position): Chain[] => [
    [position, 'not migrating', false],
    [position, 'migrating', true],
  ]),
  [['middle', 'migrating', true]],
)

describe.each(chains)('with a faulty web server as the %s backend, %s', (position, _, migrating) => {
  let seen: Seen

  beforeAll(async () => {
    seen = await runTable(
      position,
      migrating,
      cases.map(([name]) => name),
    )
  }, 180_000)

  it.each(cases)('%s: every operation ends as docs/faults.md says', (name, fault) => {
    const cells = variants(position).flatMap((elsewhere) =>
      OPERATIONS.map((operation) => ({ key: keyOf(name, operation, elsewhere), operation, elsewhere })),
    )
    const found = Object.fromEntries(cells.map(({ key }) => [key, seen.get(key)]))
    const wanted = cells.map(
      ({ key, ...cell }) => [key, expected({ position, migrating, fault, ...cell })] as const,
    )
    expect(found).toEqual(Object.fromEntries(wanted))
  })
})
