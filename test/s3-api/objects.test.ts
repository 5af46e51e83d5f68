import { reset } from 'cloudflare:test'
import { beforeEach, describe } from 'vitest'
import { KV, media, mediaKv, R2 } from '../kit/app.ts'
import { testObjects } from './object-suite.ts'

beforeEach(() => reset())

describe('objects in R2', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [R2] }),
    () => media,
  )
})

describe('objects in a fallback of R2', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [R2, KV] }),
    () => mediaKv,
  )
})

describe('objects in a fallback of R2, while they migrate', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [R2, KV], FALLBACK_DATA_MIGRATION: true }),
    () => mediaKv,
  )
})

describe('objects in KV', () => {
  testObjects(
    () => ({ FALLBACK_STORAGES: [{ ...KV, read_only: false }] }),
    () => mediaKv,
  )
})
