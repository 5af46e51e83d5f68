/** Evaluates the Worker's bundle at its first request, and answers how long that took. */
export default {
  async fetch() {
    const started = performance.now()
    await import('./bundle.js')
    return Response.json(performance.now() - started)
  },
}
