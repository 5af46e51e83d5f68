import type { Context } from 'hono'
import type { AppEnv, Input } from '../context.ts'
import { findObject } from '../find-object.ts'
import { type Serving, serveObject } from '../media.ts'

/** Only the dashboard may show it in a frame. */
const FRAMED = "frame-ancestors 'self'"
/** What a browser would run as a page may not load anything either. SVG pictures keep their own styles. */
const ACTIVE = `sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; ${FRAMED}`

const read: Serving['read'] = async (c, name) => {
  // A read of media that shares the body of a preview would not be copied.
  const { copyChain } = c.get('deployment')
  const found = await findObject(copyChain, name, { headers: c.req.raw.headers, trace: c.get('trace') })
  return { ...found, stored: false }
}

/** GET and HEAD of an object for a page that shows it: nothing is copied, and it does not count as a read of its backend. */
export async function preview(c: Context<AppEnv>, { name }: Input<'preview'>): Promise<Response> {
  const response = await serveObject(c, name, { read, chain: c.get('deployment').copyChain })
  c.set('answered', { bytes: c.get('answered')?.bytes })
  const { headers } = response
  headers.set('Content-Security-Policy', headers.has('Content-Security-Policy') ? ACTIVE : FRAMED)
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  // Otherwise a frame would download it.
  headers.delete('Content-Disposition')
  headers.delete('Expires')
  if (!headers.get('Cache-Control')?.includes('no-store')) headers.set('Cache-Control', 'private, max-age=60')
  return response
}
