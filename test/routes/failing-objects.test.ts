import { expect, it } from 'vitest'
import { KV, R2, startApp } from '../kit/app.ts'

const down = async () => Promise.reject(new Error('the object is overloaded'))

/** A namespace whose object fails in every call. */
function failing(...methods: string[]) {
  const stub = Object.fromEntries(methods.map((method) => [method, down]))
  return { idFromName: () => '', get: () => stub, getByName: () => stub }
}

const MIRRORED = [R2, { ...KV, read_only: false, mirror: true }]

it.each([
  ['mirrors', 'MirrorLog', { MIRROR_LOG: failing('status'), FALLBACK_STORAGES: MIRRORED }],
  ['events', 'SourceChanges', { SOURCE_CHANGES: failing('statuses') }],
  ['conflicts', 'SourceChanges', { SOURCE_CHANGES: failing('conflicts') }],
  ['dependence', 'TimeSeries', { TIME_SERIES: failing('dependence') }],
  ['series?what=reads', 'TimeSeries', { TIME_SERIES: failing('summary', 'intervals') }],
])('GET %s says that %s has failed', async (path, object, settings) => {
  const { status, body } = await startApp(settings).json(`/-/api/${path}`)
  expect([status, body['detail']]).toEqual([
    503,
    `the Durable Object ${object} failed; the log has the reason`,
  ])
})
