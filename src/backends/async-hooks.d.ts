/** The part that is used: the runtime's generated types do not include Node's modules. */
declare module 'node:async_hooks' {
  class AsyncLocalStorage<Store> {
    run<Result>(store: Store, callback: () => Result): Result
    getStore(): Store | undefined
  }
}
