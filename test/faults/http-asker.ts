import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { unstable_startWorker as startWorker } from 'wrangler'
import type { Question, Report } from '../backends/http-report.ts'

/** A Worker around one http backend. */
export interface Asker {
  readonly address: URL
  ask(question: Pick<Question, 'options' | 'operation' | 'name'> & Partial<Question>): Promise<Report>
  stop(): Promise<void>
}

/**
 * Starts the Worker. Not in wrangler's test harness: that sends a Worker's requests through Node's fetch, which
 * follows redirects and mends or hides what is broken. This way they leave workerd itself.
 */
export async function startAsker(): Promise<Asker> {
  const worker = await startWorker({
    config: fileURLToPath(new URL('wrangler.toml', import.meta.url)),
    dev: { server: { hostname: '127.0.0.1', port: 0 }, inspector: false, logLevel: 'error', watch: false },
  })
  const address = await worker.url
  return {
    address,
    async ask(question) {
      const response = await fetch(address, {
        method: 'POST',
        body: JSON.stringify({ patience: 5000, ...question }),
      })
      return (await response.json()) as Report
    },
    stop: () => worker.dispose(),
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
