import { waitUntil } from 'cloudflare:workers'

/** Lets the work end in good order when the client goes away: it gives its memory back, and aborts what it began. */
export function finish<T>(work: Promise<T>): Promise<T> {
  waitUntil(work.catch(() => {}))
  return work
}
