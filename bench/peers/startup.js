/** Evaluates the Worker's bundle when it is first asked, and tells how long that took. */
export default {
  async fetch() {
    const started = performance.now()
    await import('./bundle.js')
    return Response.json(performance.now() - started)
  },
}
