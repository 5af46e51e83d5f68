/** Fills the bucket it is bound to; past S3's signatures, which cost more than the objects. */
export default {
  async fetch(request, { legacy }) {
    const samples = await request.json()
    for (let begin = 0; begin < samples.length; begin += 16)
      await Promise.all(samples.slice(begin, begin + 16).map((sample) => store(legacy, sample)))
    return new Response(null, { status: 204 })
  },
}

/** The same bytes as `bytesOf` in source.ts. */
async function store(bucket, { name, size }) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(name)))
  const bytes = new Uint8Array(size)
  bytes.set(digest.subarray(0, size))
  for (let filled = digest.length; filled < size; filled *= 2) bytes.copyWithin(filled, 0, filled)
  await bucket.put(name, bytes, { httpMetadata: { contentType: 'image/jpeg' } })
}
