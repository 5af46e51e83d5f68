/**
 * The smallest Worker with the same answers as this project: the same headers, a deadline, and from an origin a body that is
 * read before the response. It does nothing else, so its distance to `bare.js` is what these answers cost at least.
 */
export default {
  async fetch(request, env) {
    const started = performance.now()
    const path = new URL(request.url).pathname
    const key = decodeURIComponent(path.slice(1))
    const abort = new AbortController()
    const deadline = setTimeout(() => abort.abort(), 10_000)
    const timings = []
    const time = (name, outcome) =>
      timings.push(`${name};dur=${(performance.now() - started).toFixed(1)};desc=${outcome}`)
    const describe = (response, cacheStatus) => {
      clearTimeout(deadline)
      response.headers.set('X-Content-Type-Options', 'nosniff')
      response.headers.set('Cache-Status', `fallback-storage; ${cacheStatus}`)
      response.headers.set('Server-Timing', timings.join(', '))
      return response
    }
    const object = await env.MEDIA.get(key, { onlyIf: request.headers })
    time('media', object ? 'hit' : 'absent')
    if (object) return describe(fromR2(object), 'hit; detail=media')
    if (env.MEDIA_KV) {
      const value = await env.MEDIA_KV.get(key, 'stream')
      time('media_kv', value ? 'hit' : 'absent')
      if (value) return describe(new Response(value), 'fwd=uri-miss; detail=media_kv')
    }
    const answer = await fetch(env.ORIGIN + path, {
      headers: { 'Accept-Encoding': 'identity', 'Fallback-Storage-Via': '01234567' },
      redirect: 'manual',
      cache: 'no-store',
      signal: abort.signal,
    })
    time('origin', answer.ok ? 'hit' : 'absent')
    if (answer.ok) return describe(await fromOrigin(answer), 'fwd=uri-miss; detail=origin')
    await answer.body?.cancel()
    const problem = {
      type: '/-/docs/errors#absent',
      title: 'Not Found',
      status: 404,
      detail: 'no backend has this name',
    }
    const headers = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' }
    return describe(new Response(JSON.stringify(problem), { status: 404, headers }), 'fwd=uri-miss')
  },
}

function fromR2(object) {
  const response = 'body' in object ? new Response(object.body) : new Response(null, { status: 304 })
  object.writeHttpMetadata(response.headers)
  response.headers.set('ETag', object.httpEtag)
  response.headers.set('Last-Modified', object.uploaded.toUTCString())
  response.headers.set('Accept-Ranges', 'bytes')
  response.headers.set('Cache-Control', 'public, max-age=3600')
  return response
}

const KEPT = [
  'Content-Type',
  'Content-Language',
  'Content-Disposition',
  'Cache-Control',
  'Expires',
  'ETag',
  'Last-Modified',
]

async function fromOrigin(answer) {
  const length = Number(answer.headers.get('Content-Length'))
  const reader = answer.body.getReader({ mode: 'byob' })
  const { value } = await reader.readAtLeast(length + 1, new Uint8Array(length + 1))
  void reader.cancel()
  const response = new Response(value)
  for (const name of KEPT) {
    const field = answer.headers.get(name)
    if (field !== null) response.headers.set(name, field)
  }
  response.headers.set('Accept-Ranges', 'bytes')
  return response
}
