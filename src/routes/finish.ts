import { waitUntil } from 'cloudflare:workers'

/** Lets the work finish when the client disconnects, so that it frees its memory and aborts the uploads that it began. */
export function finish<T>(work: Promise<T>): Promise<T> {
  waitUntil(work.catch(() => {}))
  return work
}
