/** A server to test against, started before the tests. */
export interface S3Server {
  flavour: 'r2' | 'radosgw'
  endpoint: string
  region: string
  credentials: { accessKeyId: string; secretAccessKey: string }
}

/** Readable by anyone, where the server can do that. */
export const PUBLIC_BUCKET = 'public'
/** Each file of tests has a bucket to itself, since files run side by side. */
export const BUCKETS = ['conformance', 'names', 'reading', 'writing', 'multipart', PUBLIC_BUCKET] as const
export type Bucket = (typeof BUCKETS)[number]

declare module 'vitest' {
  interface ProvidedContext {
    s3: S3Server
    /** URL of a server that gives back what it was sent. */
    verbatim: string
  }
}
