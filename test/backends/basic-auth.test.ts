import { afterEach, describe, expect, it, vi } from 'vitest'
import { answering, OLD, R2, startApp } from '../kit/app.ts'
import { logged } from '../kit/logged.ts'

afterEach(() => vi.unstubAllGlobals())

const TABLE = { ...OLD, url: 'https://www.example.com/media/', basic_auth: 'PRODUCTION_AUTH' }

/** The Worker over an origin that requires basic authentication. */
function start(answer: (request: Request) => Response, secret = 'me:pässwörd: 日本') {
  const origin = answering(answer)
  return { ...startApp({ FALLBACK_STORAGES: [R2, TABLE], OLD: origin, PRODUCTION_AUTH: secret }), origin }
}

/** The user and password of a request. */
function credentialsOf(request: Request | undefined): string | null {
  const [scheme, encoded = ''] = request?.headers.get('Authorization')?.split(' ') ?? []
  if (scheme !== 'Basic') return null
  return new TextDecoder().decode(Uint8Array.fromBase64(encoded))
}

describe('basic_auth', () => {
  it('is sent to the origin, in UTF-8', async () => {
    const { call, origin } = start(() => new Response('bytes'))
    expect(await (await call('/a')).text()).toBe('bytes')
    await call('/a', { method: 'HEAD' })
    expect(origin.requests.map(credentialsOf)).toEqual(['me:pässwörd: 日本', 'me:pässwörd: 日本'])
    expect(origin.requests[0]?.url).toBe('https://www.example.com/media/a')
  })

  it('stays behind when the origin redirects to another host', async () => {
    const elsewhere = answering(() => new Response('bytes'))
    vi.stubGlobal('fetch', elsewhere.fetch)
    const { call } = start(() => Response.redirect('https://cdn.example.com/a'))
    expect(await (await call('/a')).text()).toBe('bytes')
    expect(elsewhere.requests.map(credentialsOf)).toEqual([null])
  })

  it('is in no answer and in no log', async () => {
    const { call, get } = start(() => new Response('no', { status: 401 }), 'me:open-sesame-7')
    let answer = new Response()
    const lines = await logged(async () => void (answer = await call('/a')))
    const seen = [
      await answer.text(),
      JSON.stringify(Object.fromEntries(answer.headers)),
      JSON.stringify(await get('backends')),
      JSON.stringify(await get('explain/a')),
      JSON.stringify(lines),
    ].join('\n')
    expect(lines).toHaveLength(1)
    expect(answer.status).toBe(502)
    expect(seen).toContain('the origin answered 401')
    expect(seen).toContain('authorization')
    expect(seen).not.toMatch(/open-sesame-7|PRODUCTION_AUTH|bWU6b3Blbi1zZXNhbWUtNw/)
  })
})
