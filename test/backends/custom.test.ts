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
