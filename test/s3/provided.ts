/** A server to test against, started before the tests. */
export interface S3Server {
  flavour: 'r2' | 'radosgw'
  endpoint: string
  region: string
  credentials: { accessKeyId: string; secretAccessKey: string }
}

/** Publicly readable, if the server supports that. */
export const PUBLIC_BUCKET = 'public'
/** Each test file has its own bucket, since files run in parallel. */
export const BUCKETS = [
  'conformance',
  'names',
  'reading',
  'writing',
  'multipart',
  'uploads',
  'mirrors',
  'read-only',
  PUBLIC_BUCKET,
] as const
export type Bucket = (typeof BUCKETS)[number]

declare module 'vitest' {
  interface ProvidedContext {
    s3: S3Server
    /** URL of a server that returns what it received. */
    verbatim: string
  }
}
