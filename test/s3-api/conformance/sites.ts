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

export async function openR2(settings: Record<string, unknown> = {}): Promise<Site> {
  const prefix = nextPrefix()
  const { app } = startS3({ FALLBACK_STORAGES: [{ ...R2, prefix }], ...settings })
  return {
    endpoint: ENDPOINT,
    fetch: (url, init) => app.request(url, init),
    seed: (objects) => seedInto(media, prefix, objects),
  }
}

/** The first, third, … object is only in the fallback. */
export async function openFallback(settings: Record<string, unknown> = {}): Promise<Site> {
  const prefix = nextPrefix()
  const { app } = startS3({
    FALLBACK_STORAGES: [
      { ...R2, prefix },
      { ...KV, prefix },
    ],
    FALLBACK_DATA_MIGRATION: true,
    ...settings,
  })
  return {
    endpoint: ENDPOINT,
    fetch: (url, init) => app.request(url, init),
    async seed(objects) {
      const entries = Object.entries(objects)
      const half = (rest: number) => Object.fromEntries(entries.filter((_, index) => index % 2 === rest))
      await Promise.all([seedInto(mediaKv, prefix, half(0)), seedInto(media, prefix, half(1))])
    },
  }
}
