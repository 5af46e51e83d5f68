/** The contents of a bucket: bytes and their attributes. Every fake primary works on one. */
export interface Stored {
  bytes: Uint8Array<ArrayBuffer>
  etag: string
  headers: Record<string, string>
  metadata: Record<string, string>
  uploaded: Date
}

export interface Upload {
  key: string
  parts: Map<number, Uint8Array<ArrayBuffer>>
  headers: Record<string, string>
  metadata: Record<string, string>
}

export interface Bucket {
  objects: Map<string, Stored>
  uploads: Map<string, Upload>
}

/** Waits until the scheduler lets this call of storage happen. */
export type Gate = (call: string) => Promise<void>

export function createBucket(): Bucket {
  return { objects: new Map(), uploads: new Map() }
}

/** As in R2 and S3, the tag is derived from the bytes: equal bytes have the same tag. */
export function tagOf(bytes: Uint8Array): string {
  return `t${bytes.toHex()}`
}

export function store({ objects }: Bucket, key: string, object: Omit<Stored, 'etag' | 'uploaded'>): Stored {
  const stored = { ...object, etag: tagOf(object.bytes), uploaded: new Date() }
  objects.set(key, stored)
  return stored
}

export function join(parts: ReadonlyMap<number, Uint8Array>): Uint8Array<ArrayBuffer> {
  const ordered = [...parts].toSorted(([a], [b]) => a - b).flatMap(([, bytes]) => [...bytes])
  return Uint8Array.from(ordered)
}

export async function readAll(body: unknown): Promise<Uint8Array<ArrayBuffer>> {
  if (body instanceof Uint8Array) return Uint8Array.from(body)
  const bytes: number[] = []
  for await (const chunk of body as ReadableStream<Uint8Array>) bytes.push(...chunk)
  return Uint8Array.from(bytes)
}
