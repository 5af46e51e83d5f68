import { html, raw } from 'hono/html'

const STYLE =
  'html{color-scheme:light dark;font:1rem/1.5 system-ui;max-width:40rem;margin:2rem;overflow-wrap:anywhere}p{white-space:pre-line}'
/** Nothing is loaded and no script runs; the hash is that of the style. */
const POLICY =
  "default-src 'none'; style-src 'sha256-HjWLu0/QDxhnRA14kBFlyBu6F1CIt8i1/CHTsb1Ueys='; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

interface Document {
  type: string
  title: string
  status: number
  detail: string
  backends?: { name: string; error: string; detail: string }[]
}

/** Whether the response is a problem document. */
export function isProblem(response: Response): boolean {
  return response.status >= 400 && response.headers.get('Content-Type') === 'application/problem+json'
}

/** A problem document as a page for people, with the same status and headers. That of the root links to the dashboard. */
export async function problemPage(problem: Response, isRoot = false): Promise<Response> {
  const { type, title, status, detail, backends = [] } = await problem.json<Document>()
  const href = isRoot ? '-/' : type
  const failures = backends.map((one) => html`<p>${one.name}: ${one.error}, ${one.detail}</p>`)
  const page = html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>${title}</title>
      ${raw(`<style>${STYLE}</style>`)}
      <h1>${status} ${title}</h1>
      <p>${detail}</p>
      ${failures}
      ${href !== 'about:blank' && html`<p><a href="${href}">${isRoot ? 'Dashboard' : 'Help'}</a></p>`}
    </html>`
  const response = new Response(`${await page}`, problem)
  response.headers.set('Content-Type', 'text/html; charset=utf-8')
  response.headers.set('Content-Security-Policy', POLICY)
  return response
}
