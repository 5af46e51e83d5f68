import { createHmac } from 'node:crypto'
import type { SigningKey } from '../../../src/access/signed-url.ts'

/** A path and its query as an application in Node signs it. */
export function signPath(
  path: string,
  { id, key }: SigningKey,
  { expires = Math.floor(Date.now() / 1000) + 60, disposition = '' } = {},
): string {
  const text = ['fallback-storage-url-v1', 'read', path, expires, id, encodeURIComponent(disposition)].join(
    '\n',
  )
  const signature = createHmac('sha256', key).update(text).digest('base64url')
  const query = `expires=${expires}&key=${id}&signature=${signature}`
  const extra = disposition === '' ? '' : `&response-content-disposition=${encodeURIComponent(disposition)}`
  return `${path}?${query}${extra}`
}
