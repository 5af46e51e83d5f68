/** The limit: what any Worker must do at least, and nothing else. */
export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname
    const key = decodeURIComponent(path.slice(1))
    const object = await env.MEDIA?.get(key, { onlyIf: request.headers })
    if (object) return fromR2(object)
    if (env.MEDIA_KV) {
      const value = await env.MEDIA_KV.get(key, 'stream')
      if (value) return new Response(value)
    }
    if (!env.ORIGIN) return new Response('not found', { status: 404 })
    const answer = await fetch(env.ORIGIN + path)
    return new Response(answer.body, answer)
  },
}

function fromR2(object) {
  const headers = new Headers()
  object.writeHttpMetadata(headers)
  headers.set('ETag', object.httpEtag)
  headers.set('Last-Modified', object.uploaded.toUTCString())
  headers.set('Accept-Ranges', 'bytes')
  headers.set('Cache-Control', 'public, max-age=3600')
  if (!('body' in object)) return new Response(null, { status: 304, headers })
  return new Response(object.body, { headers })
}
