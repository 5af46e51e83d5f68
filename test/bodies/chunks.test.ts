import { describe, expect, it, vi } from 'vitest'
import { type Chunks, openChunks, streamOfChunks } from '../../src/bodies/chunks.ts'
import { bytesOf } from '../kit/fakes.ts'

const SIZE = { atLeast: 1, atMost: 100 }

function chunksOf(...texts: string[]) {
  const given = texts.map((text) => bytesOf(text))
  const left = [...given]
  const cancel = vi.fn<Chunks['cancel']>(async () => {})
  const chunks: Chunks = { next: async () => left.shift() ?? new Uint8Array(), cancel }
  return { given, chunks, cancel }
}

async function rest(chunks: Chunks): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for (let chunk = await chunks.next(); chunk.length > 0; chunk = await chunks.next()) all.push(chunk.slice())
  return all
}

describe('streamOfChunks()', () => {
  it('is a native stream of the chunks', async () => {
    const body = streamOfChunks(chunksOf('abc', 'def').chunks, 6)
    expect(await new Response(body).text()).toBe('abcdef')
  })

  it('fails with its source', async () => {
    const chunks: Chunks = { next: () => Promise.reject(new Error('broken')), cancel: async () => {} }
    await expect(new Response(streamOfChunks(chunks, 6)).text()).rejects.toThrow('broken')
  })

  it('cancels the chunks if its reader goes away', async () => {
    const { chunks, cancel } = chunksOf('abc', 'def')
    await streamOfChunks(chunks, 6).cancel('gone')
    await vi.waitFor(() => expect(cancel).toHaveBeenCalled())
  })
})

describe('openChunks() of a stream of chunks', () => {
  it('returns the chunks themselves', async () => {
    const { given, chunks } = chunksOf('abc', 'def')
    const body = streamOfChunks(chunks, 6)
    const opened = openChunks(body, SIZE)
    expect(body.locked).toBe(true)
    expect(await opened.next()).toBe(given[0])
    expect(await opened.next()).toBe(given[1])
    expect(await opened.next()).toHaveLength(0)
  })

  it('passes on the failure of the first one', async () => {
    const failure = new Error('broken')
    const chunks: Chunks = { next: () => Promise.reject(failure), cancel: async () => {} }
    await expect(openChunks(streamOfChunks(chunks, 6), SIZE).next()).rejects.toBe(failure)
  })

  it('reads the stream once a chunk has been written into it', async () => {
    const { given, chunks } = chunksOf('abc', 'def')
    const body = streamOfChunks(chunks, 6)
    // The first chunk is written by then, and waits for a reader.
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(await rest(openChunks(body, SIZE))).toEqual(given)
  })
})
