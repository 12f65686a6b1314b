/** Linux' numbers of what perl has no function for, or only in a module that takes 7 ms to load. */
export interface SystemCalls {
  execve: number;
  getrusage: number;
  prctl: number;
  prlimit64: number;
  setgroups: number;
  setresgid: number;
  setresuid: number;
  setsid: number;
}

/** undefined: not known for this processor, so nothing here can be shut in. */
export const systemCalls: SystemCalls | undefined = {
  x64: {
    execve: 59,
    getrusage: 98,
    prctl: 157,
    prlimit64: 302,
    setgroups: 116,
    setresgid: 119,
    setresuid: 117,
    setsid: 112,
  },
  arm64: {
    execve: 221,
    getrusage: 165,
    prctl: 167,
    prlimit64: 261,
    setgroups: 159,
    setresgid: 149,
    setresuid: 147,
    setsid: 157,
  },
}[process.arch as string];
