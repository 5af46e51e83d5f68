import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { faultsDocument } from '../../scripts/faults/document.ts'

it('docs/faults.md is what node scripts/faults-table.ts writes', async () => {
  const written = await readFile(new URL('../../docs/faults.md', import.meta.url), 'utf8')
  expect(written).toBe(faultsDocument())
})
