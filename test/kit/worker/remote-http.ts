import type { Call, Report } from '../http-report.ts'
import { startMiniflare } from './miniflare.ts'

/** A Worker around one http backend, operated from outside. */
export interface RemoteHttp {
  /** Ends in `/`. */
  readonly url: string
  run(call: Pick<Call, 'options' | 'operation' | 'name'> & Partial<Call>): Promise<Report>
  stop(): Promise<void>
}

export async function startRemoteHttp(): Promise<RemoteHttp> {
  const { url, miniflare } = await startMiniflare('test/kit/http-worker.ts')
  return {
    url,
    async run(call) {
      const body = JSON.stringify({ patience: 5000, ...call })
      const response = await fetch(url, { method: 'POST', body })
      return (await response.json()) as Report
    },
    stop: () => miniflare.dispose(),
  }
}
