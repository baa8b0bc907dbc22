import type { CompiledRuntime } from './compile.ts';
import { Life } from './life.ts';

/** containerd allows 76 letters, digits and `._-`, others less; runc also `+`. */
const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9_.+:-]{0,127}$/;

/** All lives there are, by runtime and container. */
export class Lives {
  readonly #lives: ReadonlyMap<CompiledRuntime, Map<string, Life>>;

  constructor(runtimes: readonly CompiledRuntime[]) {
    this.#lives = new Map(runtimes.map((runtime) => [runtime, new Map<string, Life>()]));
  }

  /** The container's life, begun if need be; undefined for a name that no container can have. */
  of(runtime: CompiledRuntime, container: string): Life | undefined {
    const lives = this.#lives.get(runtime);
    const known = lives?.get(container);
    if (known !== undefined) return known;
    if (!CONTAINER_ID.test(container)) return undefined;
    const life = new Life(runtime, container);
    lives?.set(container, life);
    return life;
  }

  /** Lets go of a life in which nothing is under way and nothing remembered. */
  tidy(life: Life): void {
    if (life.idle) this.#lives.get(life.runtime)?.delete(life.container);
  }
}
