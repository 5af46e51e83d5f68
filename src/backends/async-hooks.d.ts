/** What is used of it: the runtime's generated types leave Node's modules out. */
declare module 'node:async_hooks' {
  class AsyncLocalStorage<Store> {
    run<Result>(store: Store, callback: () => Result): Result
    getStore(): Store | undefined
  }
}
