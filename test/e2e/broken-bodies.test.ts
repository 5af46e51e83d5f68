import { expect, it } from 'vitest'
import { faults } from '../kit/origin/faults.ts'
import { dropEvery, type Fault, once } from '../kit/origin/spoil.ts'
import { bytesOf, describeEachSource, LARGE, SMALL } from './each-source.ts'

const otherBytes: Fault = (exchange) => {
  const { object } = exchange
  faults.ignoreRange.fault({
    ...exchange,
    object: object && { ...object, body: object.body.toReversed() as Buffer },
  })
}

const withDigest: Fault = (exchange) => {
  exchange.response.setHeader('Repr-Digest', `sha-256=:${Buffer.alloc(32).toString('base64')}:`)
  faults.ignoreRange.fault(exchange)
}

describeEachSource('a body that is not what was announced', (the, type) => {
  const sizes = [
    ['small', SMALL],
    ['large', LARGE],
  ] as const
  const broken = [
    ['ends in the middle', faults.truncate.fault],
    ['breaks off in the middle', faults.resetBody.fault],
    ['stalls in the middle', faults.stall.fault],
    // The ETag of S3 is the MD5 of its bytes.
    ['has another digest', type === 's3' ? otherBytes : withDigest],
  ] as const
  const cases = broken.flatMap(([what, fault]) => sizes.map(([size, body]) => ({ what, fault, size, body })))

  it.each(cases)(
    'that $what is not stored, and fails the read, when $size',
    async ({ what, fault, size, body }) => {
      const { site, source } = the
      const name = `${what.replaceAll(' ', '-')}-${size}.bin`
      await source.add(name, body)
      await source.set(name, fault)
      await expect(bytesOf(site.fetch(`/${name}`))).rejects.toThrow('terminated')
      await site.copied(name, 'failed')
      expect(await site.bucket.head(name)).toBeNull()
      await source.set(name, null)
      expect((await bytesOf(site.fetch(`/${name}`))).equals(body)).toBe(true)
      expect((await site.stored(name)).equals(body)).toBe(true)
    },
  )

  const interrupted = sizes.flatMap(([size, body]) => [
    { what: 'interrupted repeatedly', fault: dropEvery(body.length / 3), size, body },
    { what: 'reset once', fault: once(faults.resetBody.fault), size, body },
  ])
  it.each(interrupted)('that is $what is resumed if $size', async ({ what, fault, size, body }) => {
    const { site, source } = the
    const name = `${what.replaceAll(' ', '-')}-${size}.bin`
    await source.add(name, body)
    await source.set(name, fault)
    expect((await bytesOf(site.fetch(`/${name}`))).equals(body)).toBe(true)
    expect((await site.stored(name)).equals(body)).toBe(true)
  })

  it('is never resumed from another version', async () => {
    const { site, source } = the
    const other = Buffer.from(SMALL.toReversed())
    await source.add('changed.bin', SMALL)
    let changed = Promise.resolve()
    await source.set('changed.bin', (exchange) => {
      faults.resetBody.fault(exchange)
      changed = source.add('changed.bin', other).then(() => source.set('changed.bin', null))
    })
    await expect(bytesOf(site.fetch('/changed.bin'))).rejects.toThrow('terminated')
    await changed
    expect((await bytesOf(site.fetch('/changed.bin'))).equals(other)).toBe(true)
    expect((await site.stored('changed.bin')).equals(other)).toBe(true)
  })
})
