import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sized } from '../kit/sample.ts'
import { drip } from '../kit/origin/spoil.ts'
import { startSite, type Site } from '../kit/worker/site.ts'
import { httpSource, type Source } from '../kit/servers/sources.ts'

const OPERATIONS_A_NAME = 5
/** Many names, because only the first operation on each can meet a copy that is still running. */
const NAMES = Array.from({ length: sized(200, 40) }, (_, index) => `name-${index}.txt`)
const OPERATIONS = NAMES.length * OPERATIONS_A_NAME
const WRITERS = 20
const READERS = 4

let site: Site
let source: Source

beforeAll(async () => {
  source = await httpSource()
  for (const name of NAMES) {
    await source.add(name, Buffer.from('old'.repeat(1000)))
    // Slow enough for a save or delete in between.
    await source.set(name, drip(20_000))
  }
  site = await startSite({
    storages: [{ type: 'r2', binding: 'MEDIA' }, source.table],
    vars: { FALLBACK_INLINE_MAX_BYTES: '100000' },
  })
})
afterAll(async () => {
  await site?.close()
  await source?.close()
})

it(`ends in the state of the last acknowledged of ${OPERATIONS} saves and deletes, with migrating reads all the time`, async () => {
  const acknowledged = new Map<string, string | null>()
  let reading = true
  const wrong: string[] = []
  const readers = Array.from({ length: READERS }, async () => {
    while (reading) {
      const name = NAMES[Math.floor(Math.random() * NAMES.length)] ?? ''
      // A part is copied by the queue, the whole object while it is served.
      const response = await site.fetch(
        `/${name}`,
        Math.random() < 0.3 ? { headers: { Range: 'bytes=0-1' } } : {},
      )
      await response.text()
      if (![200, 206, 404].includes(response.status)) wrong.push(`${name}: ${response.status}`)
    }
  })
  // The operations on a name follow one another, with a read before the first.
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (const [index, name] of NAMES.entries()) {
      if (index % WRITERS !== writer) continue
      const cold = textOf(name)
      await sleep(Math.random() * 150)
      for (let operation = 0; operation < OPERATIONS_A_NAME; operation++) {
        const body = Math.random() < 0.5 ? `new ${operation} of ${name}` : null
        await write(name, body)
        acknowledged.set(name, body)
        const seen = await textOf(name)
        if (seen !== body) wrong.push(`${name}: ${seen?.slice(0, 40)} right after ${body}`)
      }
      await cold
    }
  })
  await Promise.all(writers)
  reading = false
  await Promise.all(readers)
  // Time for the rest of the queue.
  await sleep(1500)
  const seen = await Promise.all(NAMES.map(async (name) => [name, await textOf(name)] as const))
  expect(wrong).toEqual([])
  expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(acknowledged))
}, 240_000)

async function write(name: string, body: string | null): Promise<void> {
  const init = body === null ? { method: 'DELETE' } : { method: 'PUT', body }
  const response = await site.call(`/${name}`, init)
  await response.text()
  if (!response.ok) throw new Error(`${init.method} ${name}: ${response.status}`)
}

async function textOf(name: string): Promise<string | null> {
  const response = await site.fetch(`/${name}`)
  const text = await response.text()
  return response.status === 404 ? null : text
}
