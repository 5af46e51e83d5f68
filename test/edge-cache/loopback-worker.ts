import worker, { Media as Entrypoint } from '../../src/index.ts'

export * from '../../src/index.ts'

/** As Workers Cache marks its answers. */
export class Media extends Entrypoint {
  override async fetch(request: Request): Promise<Response> {
    const response = await super.fetch(request)
    response.headers.set('Cf-Cache-Status', 'MISS')
    return response
  }

  override async purge(): Promise<CachePurgeResult> {
    return { success: true, errors: [] }
  }
}

/** This Worker where the runtime says that it has Workers Cache: reads take the way through `Media`, though nothing caches. */
export default {
  fetch(request, env, ctx) {
    const { exports, props } = ctx
    const waitUntil: ExecutionContext['waitUntil'] = (work) => ctx.waitUntil(work)
    const cache = { purge: () => Promise.reject(new Error('only Media can purge')) }
    return worker.fetch(request, env, { exports, props, waitUntil, cache } as unknown as ExecutionContext)
  },
} satisfies ExportedHandler<Env>
