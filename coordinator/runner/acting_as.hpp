#pragma once

#include <sys/types.h>

namespace labhub::coordinator::runner {

/// A user and a group by their numbers.
struct Identity {
    uid_t user = 0;
    gid_t group = 0;
};

/// Who this process was started as.
Identity ourselves();

/// While it lives, this thread is that user to the kernel: what it opens, makes, deletes and connects to is what that
/// user may, and no link that user has laid leads further than that. For what root does in a folder of somebody who is
/// not to be trusted; with our own identity it changes nothing. May be nested. The process ends where the kernel
/// refuses, as going on would be going on with root's rights.
///
/// One thread's, and not across a co_await.
class ActingAs {
  public:
    explicit ActingAs(Identity who);
    ~ActingAs();
    ActingAs(const ActingAs&) = delete;
    ActingAs& operator=(const ActingAs&) = delete;

  private:
    Identity before_;
};

}  // namespace labhub::coordinator::runner
