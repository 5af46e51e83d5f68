import { inject } from 'vitest'
import { s3Backend, type S3Backend, type S3Options } from '../../src/backends/s3/s3.ts'
import type { Bucket } from './provided.ts'

export function connect(bucket: Bucket, options: Partial<S3Options> = {}): S3Backend {
  const { flavour: _flavour, ...server } = inject('s3')
  return s3Backend('s3', { ...server, bucket, ...options })
}

export function connectAnonymously(bucket: Bucket): S3Backend {
  const { endpoint, region } = inject('s3')
  return s3Backend('s3', { endpoint, region, bucket })
}

/** A backend on an empty bucket. */
export async function connectEmpty(bucket: Bucket, options: Partial<S3Options> = {}): Promise<S3Backend> {
  const backend = connect(bucket, options)
  for (;;) {
    const page = await backend.list({})
    await Promise.all(page.objects.map(({ name }) => backend.delete(name)))
    if (page.cursor === undefined) return backend
  }
}

/** The router of wrangler's local endpoint answers 404 to keys with a line or paragraph separator. */
export function isUnroutable(name: string): boolean {
  return inject('s3').flavour === 'r2' && /[\u2028\u2029]/.test(name)
}
