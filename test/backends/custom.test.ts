import { expect, it } from 'vitest'
import { customBackend } from '../../src/custom-backend.ts'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { describeBackend } from './conformance.ts'

describeBackend(
  'a complete backend of the Worker itself',
  async () => customBackend('own', memoryBackend('memory')),
  {
    writable: true,
    listable: true,
    conditional: true,
    multipart: true,
  },
)

let objects = memoryBackend('memory')

/** Only what such a backend must do: no ranges, conditions and delimiters. */
const simple: Backend = {
  name: 'simple',
  type: 'custom',
  get: (name) => objects.get(name),
  head: (name) => objects.head(name),
  async list({ prefix = '', cursor = '', limit = 1000 } = {}) {
    const { objects: all } = await objects.list({ prefix, after: cursor })
    const page = all.slice(0, limit)
    const last = page.at(-1)
    return { objects: page, directories: [], ...(last && all.length > limit && { cursor: last.name }) }
  },
}

describeBackend(
  'a simple backend of the Worker itself',
  async () => {
    objects = memoryBackend('memory')
    return customBackend('own', simple)
  },
  {
    writable: false,
    listable: true,
    conditional: false,
    multipart: false,
    attributes: false,
    seed: async (name, bytes, info) => {
      await objects.put(name, bytes, info ? { info } : {})
    },
  },
)

it('checks the condition of a backend that honours ranges alone', async () => {
  await objects.put('a', new TextEncoder().encode('bytes'))
  const { etag = '' } = (await objects.head('a')) ?? {}
  const get: Backend['get'] = (name, { range } = {}) => objects.get(name, range && { range })
  const backend = customBackend('own', { ...simple, get })
  const range = { offset: 1, length: 2 }
  const part = await backend.get('a', { range, ifMatch: etag })
  expect(await new Response(part?.body).text()).toBe('yt')
  await expect(backend.get('a', { range, ifMatch: '"older"' })).rejects.toMatchObject({
    code: 'precondition',
  })
})
