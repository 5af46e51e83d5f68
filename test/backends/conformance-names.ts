import { describe, expect, it } from 'vitest'
import type { Backend } from '../../src/storage/backend.ts'
import { isListable } from '../../src/storage/backend.ts'
import { compareNames } from '../../src/storage/order.ts'
import { NASTY_NAMES } from '../names.ts'
import { encoder, seed, textOf } from './conformance-fixtures.ts'
import type { Create, Traits } from './conformance.ts'

export function describeNames(create: Create, traits: Traits): void {
  describe('names', () => {
    it('keeps every nasty name separate from the others, byte for byte', { timeout: 60_000 }, async () => {
      const backend = await create()
      const names = NASTY_NAMES.filter(
        (name) => (backend.accepts?.(name) ?? true) && !traits.skipsName?.(name),
      )
      const sorted = names.toSorted(compareNames)
      expect(names.length).toBeGreaterThan(220)
      await inTurns(names, (name) => seed(backend, traits, name, encoder.encode(name)))
      const wrong: string[] = []
      await inTurns(names, async (name) => {
        const object = await backend.get(name)
        if (object?.name !== name || (await textOf(object)) !== name) wrong.push(name)
      })
      expect(wrong).toEqual([])
      expect(isListable(backend) ? await listed(backend) : sorted).toEqual(sorted)
      if (!backend.delete) return
      for (const name of names.slice(0, 40)) await backend.delete(name)
      await inTurns(names, async (name, index) => {
        if (((await backend.head(name)) === null) !== index < 40) wrong.push(name)
      })
      expect(wrong).toEqual([])
    })
  })
}

async function listed(backend: Backend & Required<Pick<Backend, 'list'>>): Promise<string[]> {
  const names: string[] = []
  let cursor: string | undefined
  do {
    const page = await backend.list(cursor === undefined ? {} : { cursor })
    names.push(...page.objects.map((object) => object.name))
    cursor = page.cursor
  } while (cursor !== undefined)
  return names
}

/** Five at a time: a Worker has six connections. */
async function inTurns(
  names: readonly string[],
  act: (name: string, index: number) => Promise<void>,
): Promise<void> {
  const queue = names.entries()
  const worker = async () => {
    for (const [index, name] of queue) await act(name, index)
  }
  await Promise.all(Array.from({ length: 5 }, worker))
}
