/** A server to test against, started before the tests. */
export interface S3Server {
  flavour: 'r2' | 'radosgw'
  endpoint: string
  region: string
  credentials: { accessKeyId: string; secretAccessKey: string }
}

/** Each file of tests has a bucket to itself, since files run side by side. */
export const BUCKETS = ['conformance', 'names', 'reading', 'writing', 'multipart'] as const
export type Bucket = (typeof BUCKETS)[number]

declare module 'vitest' {
  interface ProvidedContext {
    s3: S3Server
  }
}
