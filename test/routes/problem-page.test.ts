import { createExecutionContext } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import worker from '../../src/index.ts'
import { problemPage } from '../../src/routes/problem-page.ts'
import { problemResponse } from '../../src/http/problem.ts'
import { BROKEN_ORIGIN, OLD, R2, startApp } from '../kit/app.ts'

const NAVIGATION = { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html,*/*;q=0.8' }
const JSON_TYPE = 'application/problem+json'
const HTML_TYPE = 'text/html; charset=utf-8'

/** The headers of a response, except for those that differ between the page and the document, and times. */
function common({ headers }: Response): Record<string, string> {
  const { 'content-type': _, 'content-security-policy': __, ...others } = Object.fromEntries(headers)
  if (others['server-timing']) others['server-timing'] = others['server-timing'].replaceAll(/dur=[\d.]+/g, '')
  return others
}

describe('a failure as a page', () => {
  it.each([
    ['a name that no backend has', '/none.jpg', {}, 404],
    ['an invalid name', '/%00', {}, 400],
    ['a backend that failed', '/a', { FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN }, 502],
    ['an unknown path of the API', '/-/api/none', {}, 404],
    ['a path below no route', '/-/none', {}, 404],
    ['a route that needs a token', '/-/api/backends', {}, 401],
    ['another origin', '/none.jpg', { MEDIA_CORS_ORIGINS: ['https://app.example'] }, 404],
  ])('has the status, headers and facts of the document: %s', async (_, path, settings, status) => {
    const { call } = startApp(settings)
    const document = await call(path, { token: null })
    const page = await call(path, { token: null, headers: NAVIGATION })
    expect([document.status, document.headers.get('Content-Type')]).toEqual([status, JSON_TYPE])
    expect([page.status, page.headers.get('Content-Type')]).toEqual([status, HTML_TYPE])
    expect(common(page)).toEqual(common(document))
    expect(page.headers.get('Vary')).toMatch(/^Accept, Sec-Fetch-Mode/)
    expect(page.headers.get('Cache-Control')).toBe('no-store')
    const { title, detail, type, backends = [] } = await document.json<Problem>()
    const text = await page.text()
    expect(text).toContain(`<h1>${status} ${title}</h1>`)
    for (const fact of [detail, ...backends.map((one) => `${one.name}: ${one.error}, ${one.detail}`)])
      expect(text).toContain(fact)
    expect(text.includes(`<a href="${type}">`)).toBe(type !== 'about:blank')
  })

  interface Problem {
    title: string
    detail: string
    type: string
    backends?: { name: string; error: string; detail: string }[]
  }

  it('runs no script, loads nothing, and escapes everything', async () => {
    const markup = `<img src=x onerror="alert('1')">&amp;`
    const backends = [{ name: markup, error: markup, detail: markup }]
    const problem = problemResponse({ status: 502, title: markup, detail: markup, code: markup, backends })
    const response = await problemPage(problem)
    const page = await response.text()
    const escaped = '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;'
    expect(page.split(escaped)).toHaveLength(8)
    expect(page).not.toMatch(/<(?:img|script)/)
    const policy = response.headers.get('Content-Security-Policy') ?? ''
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'/,
    )
    const style = /<style>(.*)<\/style>/.exec(page)?.[1] ?? ''
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style))
    expect(policy).toContain(`'sha256-${new Uint8Array(digest).toBase64()}'`)
  })

  it('lists everything that is wrong with the configuration', async () => {
    const wrong = Array.from({ length: 30 }, (_, index) => ({
      type: 'http',
      name: `wrong-${index}`,
      url: 'x',
    }))
    const variables = { FALLBACK_STORAGES: wrong }
    const call = (headers: Record<string, string> = {}) =>
      worker.fetch(new Request('https://media.example/a', { headers }), variables, createExecutionContext())
    const { detail } = await (await call()).json<Problem>()
    expect(detail).toContain('wrong-29')
    const page = await call(NAVIGATION)
    expect([page.status, page.headers.get('Content-Type')]).toEqual([500, HTML_TYPE])
    expect(await page.text()).toContain('wrong-29')
  })

  it.each<[Record<string, string>, string]>([
    [{ 'Sec-Fetch-Mode': 'navigate' }, HTML_TYPE],
    [{ Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }, HTML_TYPE],
    [{}, JSON_TYPE],
    [{ Accept: '*/*' }, JSON_TYPE],
    [{ Accept: 'application/json, text/html;q=0.5' }, JSON_TYPE],
    [{ 'Sec-Fetch-Mode': 'no-cors', Accept: 'text/html' }, JSON_TYPE],
  ])('is only for browsers that show it: %j', async (headers, type) => {
    const { call } = startApp()
    for (const method of ['GET', 'HEAD'])
      expect((await call('/none', { method, headers })).headers.get('Content-Type')).toBe(type)
  })
})
