import { describe, expect, it } from 'vitest'
import { largerWriters } from '../../src/chain/placement.ts'
import { destinationsOf } from '../../src/dashboard/destinations.ts'
import type { Backend } from '../../src/storage/backend.ts'

type Described = Parameters<typeof destinationsOf>[0]['backends'][number]

const backend = (name: string, change: Partial<Described> = {}): Described => ({
  name,
  type: name.replace(/\d$/, ''),
  role: 'fallback',
  writable: change.role === 'mirror' || /^(r2|kv)/.test(name),
  methods: [],
  config: null,
  ...change,
})

function stored(name: string): Backend {
  const isWritable = backend(name).writable
  const writes = isWritable ? { put: () => undefined, delete: () => undefined } : {}
  const maxSize = name.startsWith('kv') ? 25 * 1024 * 1024 : undefined
  return { name, ...writes, ...(maxSize && { maxSize }) } as unknown as Backend
}

describe('the backends that objects are moved to', () => {
  it.each([
    [['r2', 's3'], ['r2']],
    [['r2', 'kv', 's3'], ['r2']],
    [
      ['kv', 'r2', 's3'],
      ['kv', 'r2'],
    ],
    [
      ['kv', 'kv2', 'r2', 'r22', 's3'],
      ['kv', 'r2'],
    ],
    [
      ['kv', 'http', 'r2', 's3'],
      ['kv', 'r2'],
    ],
    // Otherwise nothing would be moved at all.
    [['kv', 'r2'], ['kv']],
    [
      ['http', 'r2', 's3'],
      ['http', 'r2'],
    ],
    [['http', 's3'], ['http']],
    [['r2'], ['r2']],
  ])('of %j are %j', (names, expected) => {
    expect(destinationsOf({ backends: names.map((name) => backend(name)) })).toEqual(expected)
    // As a backfill decides it.
    const upTo = names.findIndex((name) => backend(name).writable)
    const larger = largerWriters({ backends: names.map((name) => stored(name)) })
    expect(expected.slice(Math.max(0, upTo) + 1)).toEqual(larger.map(({ name }) => name))
  })

  it('are not mirrors', () => {
    const backends = [backend('kv'), backend('s3', { role: 'mirror' }), backend('http')]
    expect(destinationsOf({ backends })).toEqual(['kv'])
  })
})
