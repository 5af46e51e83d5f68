import { describe, expect, it } from 'vitest'
import { sendFixedLength } from '../../src/bodies/fixed-length.ts'
import { BACKGROUND_LEAVES_BYTES, isolateMemory } from '../../src/bodies/memory-budget.ts'

const MIB = 1024 * 1024

/** Sends 1 MiB, of which the second half comes only when the test says so. */
function sendInHalves() {
  const { readable, writable } = new IdentityTransformStream()
  const writer = writable.getWriter()
  const half = new Uint8Array(MIB / 2).fill(97)
  void writer.write(half)
  const sent = sendFixedLength(readable, MIB, { send: (stream) => new Response(stream).bytes() })
  const finish = async (): Promise<number> => {
    await writer.write(half)
    await writer.close()
    return (await sent).length
  }
  return { finish }
}

/** Whether so many bytes of the isolate's memory are free. */
function isFree(bytes: number): boolean {
  const all = isolateMemory.tryReserve(bytes)
  all?.release()
  return all !== null
}

describe('the buffers of a body that is sent', () => {
  it('count in the isolate’s memory until it is sent', async () => {
    const { finish } = sendInHalves()
    expect([isFree(isolateMemory.total), isFree(isolateMemory.total - MIB / 2)]).toEqual([false, true])
    expect(await finish()).toBe(MIB)
    expect(isFree(isolateMemory.total)).toBe(true)
  })

  it('are small, and do not count, if other work needs the memory', async () => {
    const others = isolateMemory.tryReserve(isolateMemory.total - BACKGROUND_LEAVES_BYTES)
    try {
      const { finish } = sendInHalves()
      expect(isFree(BACKGROUND_LEAVES_BYTES)).toBe(true)
      expect(await finish()).toBe(MIB)
    } finally {
      others?.release()
    }
  })
})
