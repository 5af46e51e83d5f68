import type { Backend } from '../storage/backend.ts'
import { interceptCalls } from './intercept.ts'

/** The part of the runtime's `tracing` (`cloudflare:workers`) that is used. */
export interface Tracer {
  enterSpan<T>(name: string, callback: (span: SpanAttributes) => T): T
  /** Since 2026-09-25. Outside of custom spans it is that of the whole invocation. */
  getActiveSpan?(): { readonly isTraced: boolean } | undefined
}

interface SpanAttributes {
  setAttribute(key: string, value: string): unknown
}

/** Records a span for each call if the request is traced, with the method as its name and the backend as an attribute. */
export function withTracing(backend: Backend, tracer: Tracer): Backend {
  return interceptCalls(backend, ({ method }, send) => {
    // A span that is not recorded costs more than the rest of the chain.
    if (tracer.getActiveSpan && !tracer.getActiveSpan()?.isTraced) return send()
    return tracer.enterSpan(`fallback-storage.${method}`, (span) => {
      span.setAttribute('fallback_storage.backend', backend.name)
      return send()
    })
  })
}
