import { describe, expect, it } from 'vitest'
import { withRecordedChanges, type RecordOptions } from '../../src/mirrors/record-changes.ts'
import { isWritable, takesParts } from '../../src/storage/backend.ts'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import { bytesOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'

function start(begin: (kind: string) => Promise<number | null> = async () => 7) {
  const calls: string[] = []
  const stored = memoryBackend('new')
  const put: typeof stored.put = async (...args) => {
    calls.push('put')
    return stored.put(...args)
  }
  const log: RecordOptions['log'] = () => ({
    begin: async (name, mirrors, kind) => {
      calls.push(`begin ${name} ${mirrors.join()} ${kind}`)
      return begin(String(kind))
    },
    renew: async () => {},
    settle: async (id, name, mirrors, uncertain) =>
      void calls.push(`settle ${id} ${name} ${mirrors.join()}${uncertain ? ' uncertain' : ''}`),
  })
  const mirrors = [
    { ...memoryBackend('old'), accepts: (name: string) => name !== 'refused' },
    { ...memoryBackend('short'), accepts: (name: string) => name.length < 5 },
  ]
  const works: Promise<unknown>[] = []
  const keepAlive = (work: Promise<unknown>) => void works.push(work)
  const backend = withRecordedChanges({ ...stored, put }, { log, mirrors, keepAlive })
  if (!isWritable(backend) || !takesParts(backend)) throw new Error('methods are missing')
  return { backend, stored, calls, works }
}

describe('withRecordedChanges()', () => {
  it('records a write before it is made, and when it has ended', async () => {
    const { backend, calls } = start()
    await backend.put('a', bytesOf('x'))
    expect(calls).toEqual(['begin a old,short write', 'put', 'settle 7 a old,short'])
  })

  it('records it for the mirrors that accept the name, if there are any', async () => {
    const { backend, calls } = start()
    await backend.put('longer', bytesOf('x'))
    await backend.put('refused', bytesOf('x'))
    expect(calls).toEqual(['begin longer old write', 'put', 'settle 7 longer old', 'put'])
  })

  it('settles a write whose condition did not hold, and one that failed, which may still be carried out', async () => {
    const { backend, calls } = start()
    await backend.put('a', bytesOf('x'))
    expect(await backend.put('a', bytesOf('y'), { onlyIf: 'absent' })).toBeNull()
    await expect(backend.put('a', bytesOf('z'), { size: 9 })).rejects.toMatchObject({ code: 'corrupt' })
    expect(calls.filter((call) => call.startsWith('settle'))).toEqual([
      'settle 7 a old,short',
      'settle 7 a old,short',
      'settle 7 a old,short uncertain',
    ])
  })

  it('stores nothing if the log cannot be reached', async () => {
    const { backend, stored, calls } = start(async () => {
      throw new Error('the Durable Object is overloaded')
    })
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) })
    await expect(backend.put('a', body, { size: 3 })).rejects.toMatchObject({
      code: 'unavailable',
      message: 'the log of changes for the mirrors could not be reached, so nothing was stored',
    })
    expect(cancelled).toBe(true)
    expect(stored.objects.size).toBe(0)
    expect(calls).toEqual(['begin a old,short write'])
  })

  it('records the completion of an upload in parts, not its parts', async () => {
    const { backend, calls } = start()
    const { id } = await backend.createMultipartUpload('a')
    const upload = backend.resumeMultipartUpload('a', id)
    const part = await upload.uploadPart(1, bytesOf('x'), 1)
    expect(calls).toEqual([])
    await upload.complete([part])
    const created = await backend.createMultipartUpload('b')
    await created.complete([await created.uploadPart(1, bytesOf('x'), 1)])
    expect(calls).toEqual([
      'begin a old,short write',
      'settle 7 a old,short',
      'begin b old,short write',
      'settle 7 b old,short',
    ])
  })

  it('lifts a tombstone once no mirror is deleting the name', async () => {
    let blocked = 2
    const { backend, calls } = start(async () => (blocked-- > 0 ? null : 7))
    await writeMarker(backend, 'a', { lifted: true })
    expect(calls.filter((call) => call === 'begin a old,short lift')).toHaveLength(3)
    expect(calls.at(-1)).toBe('settle 7 a old,short')
  })

  it('removes no tombstone that a mirror has yet to follow', async () => {
    const { backend, stored } = start(async (kind) => (kind === 'remove' ? null : 7))
    await writeMarker(backend, 'a')
    await expect(backend.delete('a')).rejects.toMatchObject({ code: 'unavailable' })
    expect(stored.objects.size).toBe(1)
  })
})
