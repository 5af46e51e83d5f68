import { KV, media, mediaKv, R2 } from '../../kit/app.ts'
import { BUCKET, startS3 } from '../../kit/s3-client.ts'
import { bytesOf } from '../../kit/s3-signer.ts'
import type { Backend } from '../../../src/storage/backend.ts'
import type { Objects } from './case.ts'
import type { Site } from './run.ts'

export const ENDPOINT = 'https://media.example/-/s3'

let sites = 0

/** A bucket of its own within R2 and KV: a prefix that nothing else uses. */
export function nextPrefix(): string {
  return `${BUCKET}-${sites++}/`
}

/** Puts objects directly into a backend, below a prefix. */
export async function seedInto(backend: Backend, prefix: string, objects: Objects): Promise<void> {
  await Promise.all(
    Object.entries(objects).map(async ([name, seed]) => {
      const { body, ...info } = typeof seed === 'string' ? { body: seed } : seed
      await backend.put?.(prefix + name, bytesOf(body), { info })
    }),
  )
}

/** The Worker with these settings, whose objects are seeded by `seed`. */
export async function openWith(settings: Record<string, unknown>, seed: Site['seed']): Promise<Site> {
  const { app } = startS3(settings)
  return { endpoint: ENDPOINT, fetch: (url, init) => app.request(url, init), seed }
}

export async function openR2(): Promise<Site> {
  const prefix = nextPrefix()
  return openWith({ FALLBACK_STORAGES: [{ ...R2, prefix }] }, (objects) => seedInto(media, prefix, objects))
}

/** The first, third, … object is only in the fallback. */
export async function openFallback(): Promise<Site> {
  const prefix = nextPrefix()
  const chain = [
    { ...R2, prefix },
    { ...KV, prefix },
  ]
  return openWith({ FALLBACK_STORAGES: chain, FALLBACK_DATA_MIGRATION: true }, async (objects) => {
    const entries = Object.entries(objects)
    const half = (rest: number) => Object.fromEntries(entries.filter((_, index) => index % 2 === rest))
    await Promise.all([seedInto(mediaKv, prefix, half(0)), seedInto(media, prefix, half(1))])
  })
}
