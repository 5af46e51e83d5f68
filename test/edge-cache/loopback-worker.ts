import worker from '../../src/index.ts'

export * from '../../src/index.ts'

/** This Worker where the runtime says that it has Workers Cache: reads take the way through `Media`, though nothing caches. */
export default {
  fetch(request, env, ctx) {
    const { exports, props } = ctx
    const waitUntil: ExecutionContext['waitUntil'] = (work) => ctx.waitUntil(work)
    const cache = { purge: () => Promise.reject(new Error('only Media can purge')) }
    return worker.fetch(request, env, { exports, props, waitUntil, cache } as unknown as ExecutionContext)
  },
} satisfies ExportedHandler<Env>
