import { type Bucket, type Gate, join, readAll, store, type Stored } from './store.ts'

/** An R2 bucket in memory, with R2's conditions: for puts, but not for completing an upload. */
export function fakeR2(bucket: Bucket, gate: Gate): R2Bucket {
  const { objects, uploads } = bucket
  let ids = uploads.size

  const multipart = (key: string, uploadId: string) => ({
    key,
    uploadId,
    async uploadPart(partNumber: number, value: unknown) {
      const bytes = await readAll(value)
      await gate(`part ${partNumber} of ${key}`)
      open(uploadId).parts.set(partNumber, bytes)
      return { partNumber, etag: `p${partNumber}` }
    },
    async complete() {
      await gate(`complete ${key}`)
      const { parts, headers, metadata } = open(uploadId)
      uploads.delete(uploadId)
      return objectOf(key, store(bucket, key, { bytes: join(parts), headers, metadata }))
    },
    async abort() {
      await gate(`abort ${key}`)
      open(uploadId)
      uploads.delete(uploadId)
    },
  })
  const open = (uploadId: string) => {
    const upload = uploads.get(uploadId)
    if (!upload) throw new Error('The specified multipart upload does not exist. (10024)')
    return upload
  }

  const fake = {
    async head(key: string) {
      await gate(`head ${key}`)
      const found = objects.get(key)
      return found ? objectOf(key, found) : null
    },
    async get(key: string) {
      await gate(`get ${key}`)
      const found = objects.get(key)
      return found ? { ...objectOf(key, found), body: new Response(found.bytes).body } : null
    },
    async put(key: string, body: unknown, options: R2PutOptions = {}) {
      const bytes = await readAll(body)
      await gate(`put ${key} if ${JSON.stringify(options.onlyIf ?? 'anything')}`)
      if (!holds(objects.get(key), options.onlyIf as R2Conditional | undefined)) return null
      const headers = options.httpMetadata as Record<string, string>
      return objectOf(key, store(bucket, key, { bytes, headers, metadata: options.customMetadata ?? {} }))
    },
    async delete(key: string) {
      await gate(`delete ${key}`)
      objects.delete(key)
    },
    async createMultipartUpload(key: string, options: R2MultipartOptions = {}) {
      await gate(`begin parts of ${key}`)
      const uploadId = `u${++ids}-${crypto.randomUUID()}`
      const headers = options.httpMetadata as Record<string, string>
      uploads.set(uploadId, { key, parts: new Map(), headers, metadata: options.customMetadata ?? {} })
      return multipart(key, uploadId)
    },
    resumeMultipartUpload: multipart,
  }
  return fake as unknown as R2Bucket
}

function holds(found: Stored | undefined, condition: R2Conditional | undefined): boolean {
  if (condition?.etagMatches !== undefined && found?.etag !== condition.etagMatches) return false
  if (condition?.etagDoesNotMatch === undefined || !found) return true
  return condition.etagDoesNotMatch !== '*' && condition.etagDoesNotMatch !== found.etag
}

function objectOf(key: string, { bytes, etag, uploaded, headers, metadata }: Stored) {
  return {
    key,
    etag,
    httpEtag: `"${etag}"`,
    size: bytes.length,
    uploaded,
    checksums: {},
    httpMetadata: headers,
    customMetadata: metadata,
  }
}
