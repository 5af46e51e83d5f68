import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { faultsDocument } from '../../scripts/faults/document.ts'

it('prints in docs/faults.md what the Worker is held to (written by node scripts/faults-table.ts)', async () => {
  const written = await readFile(new URL('../../docs/faults.md', import.meta.url), 'utf8')
  expect(written).toBe(faultsDocument())
})
