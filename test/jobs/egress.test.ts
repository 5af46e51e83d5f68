import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { parseConfig } from '../../src/config/config.ts'
import { estimateEgress } from '../../src/jobs/backfill/estimate.ts'
import type { ListableBackend } from '../../src/storage/backend.ts'
import { bindings, http, kv, r2, s3 } from '../config-mistakes/samples.ts'
import { fill, withBackfill } from './jobs.ts'

const TB = 1e12

type Table = Record<string, unknown>

function configured(...tables: Table[]) {
  return parseConfig({ ...bindings, FALLBACK_STORAGES: [r2, ...tables] }).backends
}

/** Egress of this many bytes in one object from the configured backend; `null` if its price is unknown. */
function usdFor(table: Table, bytes: number): number | null {
  return estimateEgress(
    { legacy: { objects: 1, bytes, unsized: 0 } },
    configured({ ...table, name: 'legacy' }),
  ).usd
}

function at(endpoint: string, others: Table = {}): Table {
  return { ...s3, endpoint, ...others }
}

const AWS = 'https://s3.eu-central-1.amazonaws.com'

/** A source with objects of that size, or of unknown size. */
async function sourceOf(name: string, count: number, size: number | undefined): Promise<ListableBackend> {
  const memory = memoryBackend(name)
  await fill(memory, count)
  return {
    ...memory,
    async list(options) {
      const page = await memory.list(options)
      for (const object of page.objects) {
        delete object.size
        if (size !== undefined) object.size = size
      }
      return page
    },
  }
}

describe('the price of egress', () => {
  it.each([
    [AWS, 100e9, 0],
    [AWS, 1100e9, 90],
    [AWS, 10 * TB, 891],
    [AWS, 50 * TB, 4291],
    [AWS, 80 * TB, 6391],
    [AWS, 150 * TB, 11_291],
    [AWS, 200 * TB, 13_791],
    ['https://s3.dualstack.us-east-1.amazonaws.com', 10 * TB, 891],
    ['https://s3-us-west-2.amazonaws.com', 10 * TB, 891],
    ['https://s3.amazonaws.com', 10 * TB, 891],
    ['https://fra1.digitaloceanspaces.com', 3 * TB, 20],
    ['https://s3.us-west-004.backblazeb2.com', 80 * TB, 0],
    ['https://s3.eu-central-1.wasabisys.com', 80 * TB, 0],
    ['https://0123456789abcdef.r2.cloudflarestorage.com', 80 * TB, 0],
  ])('from %s for %d bytes is $%d', (endpoint, bytes, usd) => {
    expect(usdFor(at(endpoint), bytes)).toBeCloseTo(usd, 6)
  })

  it.each([
    ['a region whose price is another', at('https://s3.sa-east-1.amazonaws.com')],
    ['a region that is only in the settings', at('https://s3.amazonaws.com', { region: 'ap-south-1' })],
    ['acceleration, which costs more', at('https://s3-accelerate.amazonaws.com')],
    ['a host that only looks like one', at('https://s3.eu-central-1.amazonaws.com.example.com')],
    ['a provider whose price depends on the bucket', at('https://storage.googleapis.com')],
    ['a server of its own', http],
    ['a binding', { type: 'http', binding: 'ASSETS' }],
  ])('is unknown for %s', (_, table) => {
    expect(usdFor(table, TB)).toBeNull()
  })

  it('is nothing within Cloudflare', () => {
    expect(usdFor(kv, TB)).toBe(0)
  })

  it('is the configured price, whatever the provider', () => {
    expect(usdFor(at(AWS, { egress_usd_per_gb: 0.02 }), 80 * TB)).toBeCloseTo(1600, 6)
    expect(usdFor({ ...http, egress_usd_per_gb: 0 }, TB)).toBe(0)
  })

  it('counts the tiers of a provider once for all its backends', () => {
    const tables = [at(AWS, { name: 'one' }), at(AWS, { name: 'two', prefix: 'two/' })]
    const found = { objects: 1, bytes: 5 * TB, unsized: 0 }
    expect(estimateEgress({ one: found, two: found }, configured(...tables)).usd).toBeCloseTo(891, 6)
  })

  it('needs no price of a source with nothing to copy', () => {
    const found = { legacy: { objects: 0, bytes: 0, unsized: 0 } }
    expect(estimateEgress(found, configured(http))).toEqual({ usd: 0, unknown: [], by: {} })
  })
})

describe('the estimate of a dry run', () => {
  it('contains the egress of each source, and so does its total', async () => {
    const sources = [await sourceOf('aws', 40, 2 * TB), await sourceOf('legacy', 60, TB)]
    const prices = configured(at(AWS, { name: 'aws' }), { ...http, egress_usd_per_gb: 0.01 })
    await withBackfill(
      [memoryBackend('primary'), ...sources],
      { dryRun: true, configured: prices },
      async ({ drive }) => {
        // Forty names are in both, and read from the first.
        expect((await drive()).estimate).toMatchObject({
          objects: 60,
          bytes: 100 * TB,
          objects_of_unknown_size: 0,
          egress_usd: 6591,
          egress_unknown: [],
          egress_prices: { aws: 'Amazon S3', legacy: 'egress_usd_per_gb' },
          cost_usd: { egress: 6591, total: 6591 },
        })
      },
    )
  })

  it.each([
    ['a price is unknown', TB, http],
    ['sizes are unknown', undefined, { ...at(AWS), egress_usd_per_gb: 0.09 }],
  ])('leaves egress out and says so where %s', async (_, size, table) => {
    const source = await sourceOf('legacy', 3, size)
    const options = { dryRun: true, configured: configured(table) }
    await withBackfill([memoryBackend('primary'), source], options, async ({ drive }) => {
      const { estimate } = await drive()
      expect(estimate).toMatchObject({ objects: 3, egress_usd: null, egress_unknown: ['legacy'] })
      expect(estimate?.cost_usd).not.toHaveProperty('egress')
      expect(estimate?.cost_usd['total']).toBeNull()
      expect(estimate?.objects_of_unknown_size).toBe(size === undefined ? 3 : 0)
      expect(estimate?.storage_usd_per_month).toBe(size === undefined ? null : 45)
    })
  })

  it('needs no sizes if egress is free', async () => {
    const options = { dryRun: true, configured: configured({ ...http, egress_usd_per_gb: 0 }) }
    const backends = [memoryBackend('primary'), await sourceOf('legacy', 3, undefined)]
    await withBackfill(backends, options, async ({ drive }) => {
      expect((await drive()).estimate).toMatchObject({ egress_usd: 0, egress_unknown: [] })
    })
  })

  it('does not know the egress of a manifest without sizes', async () => {
    const options = { dryRun: true, configured: configured(at(AWS)), manifest: { from: 'client' as const } }
    const backends = [memoryBackend('primary'), memoryBackend('legacy')]
    await withBackfill(backends, options, async ({ job, drive }) => {
      job.addNames({
        names: [
          ['a', 10],
          ['b', null],
        ],
        failures: [],
      })
      job.endNames()
      expect((await drive()).estimate).toMatchObject({
        objects: 2,
        objects_of_unknown_size: 1,
        egress_usd: null,
        egress_unknown: ['legacy'],
        storage_usd_per_month: null,
      })
    })
  })

  it('knows the egress of a manifest with sizes, if only one source may have the names', async () => {
    const TB = 1e12
    const options = { dryRun: true, configured: configured(at(AWS)), manifest: { from: 'client' as const } }
    const names = [
      ['a', TB],
      ['b', TB],
    ] as const
    const estimate = async (sources: readonly string[]) => {
      const backends = ['primary', ...sources].map((name) => memoryBackend(name))
      let found: unknown
      await withBackfill(backends, options, async ({ job, drive }) => {
        job.addNames({ names: [...names], failures: [] })
        job.endNames()
        found = (await drive()).estimate
      })
      return found
    }
    expect(await estimate(['legacy'])).toMatchObject({
      bytes: 2 * TB,
      objects_of_unknown_size: 0,
      egress_usd: 171,
      egress_unknown: [],
      storage_usd_per_month: 30,
    })
    expect(await estimate(['legacy', 'older'])).toMatchObject({ egress_usd: null, storage_usd_per_month: 30 })
  })
})
